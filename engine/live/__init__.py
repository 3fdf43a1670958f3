"""What a camera, a film or a watched folder shows, answered as it comes, and what is done then."""
