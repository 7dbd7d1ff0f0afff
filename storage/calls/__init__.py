"""The store's calls by subject: each opens one transaction and hands it to the module of its subject."""
