"""Reports of networks: a self-contained HTML file, made of tables and pictures."""

from netsim.reporting.page import Report, render, write_report
from netsim.reporting.pictures import Picture, draw_pictures

__all__ = ["Picture", "Report", "draw_pictures", "render", "write_report"]
