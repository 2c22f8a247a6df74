"""What a notebook, a server and the command line call: pictures in, pictures or a model out."""
