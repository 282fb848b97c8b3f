"""What Brian2 generates code for."""

from typing import Literal

from brian2.codegen.codeobject import CodeObject
from brian2.codegen.targets import codegen_targets

from netsim.errors import SpecificationError

Target = Literal["cython", "numpy"]


def code_object_class(target: Target | None) -> type[CodeObject] | None:
    """Brian2's class of code objects for a target; None leaves the choice to Brian2's preferences.

    A SpecificationError, if the target is unknown or does not work on this machine.
    """
    if target is None:
        return None
    classes = {known.class_name: known for known in codegen_targets if known.class_name}
    if target not in classes:
        raise SpecificationError("target", f"must be one of {', '.join(sorted(classes))}, not {target!r}")
    if not classes[target].is_available():
        raise SpecificationError("target", f"{target} does not work here (is there a C++ compiler?); use numpy")
    return classes[target]
