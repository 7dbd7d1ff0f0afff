"""Gets pictures and schemas that lie elsewhere: addresses, HTTP, files, object stores."""
