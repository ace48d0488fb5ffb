"""The pages, for people: each module has handlers and the routes to them."""
