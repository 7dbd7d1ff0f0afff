"""Downloads pictures and schemas: addresses, HTTP, files, object stores."""
