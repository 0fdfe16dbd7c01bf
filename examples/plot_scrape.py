"""
From addresses to a model
=========================

How do photos get from the web into a fit? A scraper turns addresses into paths, in front of a
Colorizer. The web is a server on this machine here.
"""

# %%
# A server with the example photos, and addresses of them. One photo is listed twice, one is not
# there, and one is a page of text that calls itself a photo.

import tempfile
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import matplotlib.pyplot as plt

from skcolorize.datasets import ImageScraper, load_example_images

site, output = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
for filename in load_example_images().filenames:
    (site / Path(filename).name).write_bytes(Path(filename).read_bytes())
(site / "page.jpg").write_text("<html>no photo</html>")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        requests.append(self.path)


requests = []
server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
threading.Thread(target=server.serve_forever, daemon=True).start()
home = f"http://127.0.0.1:{server.server_port}"
names = sorted(path.name for path in site.iterdir())
urls = [f"{home}/{name}" for name in [*names, "coffee.png", "gone.jpg"]]

# %%
# Addresses that lead into a private network are refused, unless told otherwise: this server is
# our own. Photos are reduced to 256 pixels on their way to the folder.

scraper = ImageScraper(output, max_size=256, allow_private=True)
result = scraper.fetch(urls)
for url, row in zip(urls, result.manifest, strict=True):
    print(f"{url.removeprefix(home):<22}{row['status']:<16}{row['width']} x {row['height']}")

kept = sorted({output / row["path"] for row in result.manifest if row["path"]})
fig, axes = plt.subplots(1, len(kept), figsize=(9, 1.4), layout="constrained")
for ax, path in zip(axes, kept, strict=True):
    ax.imshow(plt.imread(path))
    ax.set_axis_off()

# %%
# The same call again asks for nothing that is there already. So does a pipeline, in which the
# scraper is a transformer; what could not be fetched is skipped by ``fit`` with one warning.

asked = len(requests)
scraper.fetch(urls)
print(f"{asked} requests in the first call, {len(requests) - asked} in the second")

# %%
# Beside the photos lie a table of all addresses and a file that names their sources:

print(sorted(path.name for path in output.iterdir() if path.is_file()))
print(Counter(row["status"] for row in result.manifest))
server.shutdown()

# %%
# **To take away**: ``make_pipeline(ImageScraper("photos/"), Colorizer()).fit(urls)`` is a whole
# project, and may be stopped at any time. Whether you may use the photos is for you to find out.
