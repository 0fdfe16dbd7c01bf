"""The order of the gallery: first what most people want, last what few need."""

from sphinx_gallery.sorting import FileNameSortKey

_ORDER = (
    "plot_colour_a_photo",
    "plot_lab_space",
    "plot_lab_pipeline",
    "plot_fine_tune",
    "plot_vividness_and_confidence",
    "plot_alternatives",
    "plot_grid_search",
    "plot_training_curve",
    "plot_encoder_costs",
    "plot_seed_recipe",
    "plot_save_and_load",
    "plot_scrape",
)


class ReadingOrder(FileNameSortKey):
    """Place of an example; one that is not listed is an error."""

    def __call__(self, filename):
        return _ORDER.index(filename.removesuffix(".py"))
