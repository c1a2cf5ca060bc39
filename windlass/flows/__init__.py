"""Choreography across hosts: what happens where, in which order, and what is undone when something fails."""
