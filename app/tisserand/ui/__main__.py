"""`python -m tisserand.ui`: the designer."""

import sys

from tisserand.ui.app import main

sys.exit(main())
