"""Bounds on what a process may take."""


def limit_memory(more: int) -> None:
    """Let this process take so many more bytes of address space than now, and no more, if the system is Linux."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))
