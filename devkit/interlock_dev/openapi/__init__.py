"""The OpenAPI 3.1 document of the HTTP contract, with the schemas of the documents' types.

Codes, statuses and states come from the domain, and examples from the functions that write the real answers, so that
none of them can drift. The service serves the document as it was written at build time, by `make openapi`:

    python -m interlock_dev.openapi > layers/runtime/interlock/http/openapi.json
"""
