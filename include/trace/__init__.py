"""What became of one batch, and of one record of it: for somebody who follows a message's link."""
