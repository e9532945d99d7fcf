"""The job files: each joins one service to the jobs API. Importing this package registers all of them."""

import importlib
import pkgutil

for _found in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
    importlib.import_module(_found.name)
