import sys

try:
    from realtime.cli import main

    main()
except KeyboardInterrupt:  # also while modules are loaded
    sys.exit(130)
