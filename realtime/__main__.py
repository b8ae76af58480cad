import sys

try:
    if sys.argv[1:] == ["--version"]:
        from chalicelib import __version__

        print(f"realtime {__version__}")
    else:
        from realtime.cli import main

        main()
except KeyboardInterrupt:  # also while modules are loaded
    sys.exit(130)
