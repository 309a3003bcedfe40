"""What the DAGs are made of: workflow files, names, request bodies, gates, operators."""
