"""The explorer: a local page that shows single presentations, and what changes them.

The page reads what `netsim.present` returns. `View` is its state, `Explorer` presents views, `questions` has one file
for each question of the page, and `serving` is the server.
"""

from netsim.exploring.explorer import Explorer
from netsim.exploring.serving import explore
from netsim.exploring.view import View
