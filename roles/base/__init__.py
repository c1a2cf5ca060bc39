"""What every host has: programs, people, the clock, directories, kernel settings."""
