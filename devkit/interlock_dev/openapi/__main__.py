"""`python -m interlock_dev.openapi` writes the document to standard output."""

from interlock_dev.openapi.document import main

if __name__ == "__main__":
    main()
