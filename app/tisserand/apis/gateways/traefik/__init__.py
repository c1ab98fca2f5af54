"""Traefik Proxy 3, told what to do through a file in a folder that it watches."""
