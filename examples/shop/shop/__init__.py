"""A small shop: catalog, orders, web and worker, each a process of its own."""
