"""Private, local code completion for every editor that speaks LSP.

The command line, the settings, the custom requests and the files are what users hold on to;
the Python modules are not an API.
"""

__version__ = "0.1.0"
