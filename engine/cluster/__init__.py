"""Other computers that help: a Dask scheduler, workers that hold no project, and who asks them."""
