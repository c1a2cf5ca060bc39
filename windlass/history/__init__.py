"""What runs leave behind on the controller: an event log each, and a history of all."""
