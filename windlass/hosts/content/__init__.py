"""What a host asks for besides calls: files, what is new of a file, trees."""
