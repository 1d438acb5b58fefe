"""The stream of application logs: seven services of a shop, their failures and what is made of them."""
