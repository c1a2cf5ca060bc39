"""The chapters of the demonstration: each does what a person would type, and checks that what it says is true."""
