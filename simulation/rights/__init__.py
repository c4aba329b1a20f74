"""Least privilege, shown: which rights the update uses, and what happens without each of them.

The pool, its hosts, the temporary machines, the network, the images and the catalog are each a purpose with a scope of
its own here, as the custom role has them, so that one right can be taken away at one of them.
"""
