"""An image to build from where no registry can be reached: a shell with a web server in it, made of the host's own."""
