"""What the test of the containers needs: an engine, base images where no registry answers, and Compose.

An engine that is already running is used as it is: it fetches base images from its registry. Where none runs, the test
may start one of its own (root and the engine's binaries are needed), with its data in a temporary folder. That engine
has no images, so stand-ins with the names that the files use are made from the packages of this machine's own
distribution: Debian with Python, Debian with PostgreSQL, Debian with Valkey. They are gone when the engine is.
"""
