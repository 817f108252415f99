"""Report cards: view models, templates, figures."""
