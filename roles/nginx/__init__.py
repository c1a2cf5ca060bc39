"""The web server: before applications on their own hosts, and as load balancer before several of these hosts."""
