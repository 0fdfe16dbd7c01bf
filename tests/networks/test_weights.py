"""The weights file: what goes in comes out, and every damaged or foreign file is one clear error."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from networks._models import fill

from skcolorize.networks import build_network, fold_encoder_norms_, network_config
from skcolorize.networks.weights import load_npz, load_state, network_state, save_npz

CONFIG = network_config("squeezenet1_1")


@pytest.fixture
def state():
    return {
        "network.conv.weight": np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 2, 2),
        "network.norm.running_var": np.array([1e-9, 1], np.float32),
        "ab_bins": np.arange(6, dtype=np.float32).reshape(3, 2) / 3,
        "ab_prior": np.array(0.5, np.float32),
    }


@pytest.fixture
def path(tmp_path, state):
    path = tmp_path / "weights.npz"
    save_npz(path, state, {"network": CONFIG, "calibration": {"v": 0.5}})
    return path


def rewritten(path, change):
    """The file with its members, a dict of arrays, changed by a function."""
    with np.load(path) as file:
        members = {name: file[name] for name in file.files}
    change(members)
    np.savez(path, **members)


def header_of(members):
    return json.loads(str(members["header"]))


def test_round_trip(path, state):
    header, arrays = load_npz(path)
    assert header["format_version"] == 1
    assert header["network"] == CONFIG
    assert header["calibration"] == {"v": 0.5}
    assert len(header["sha256"]) == 64
    assert arrays.keys() == state.keys()
    for name in state:
        assert arrays[name].dtype == state[name].dtype
        np.testing.assert_array_equal(arrays[name], state[name])
    with np.load(path, allow_pickle=False) as file:
        assert file["header"].shape == ()
        assert file["header"].dtype.kind == "U"
    assert [p.name for p in path.parent.iterdir()] == ["weights.npz"]


def test_half_precision_spares_norms_bins_and_great_numbers(path, state):
    state["network.huge.weight"] = np.full((1, 1), 1e6, np.float32)
    save_npz(path, state, {}, half=True)
    arrays = load_npz(path)[1]
    narrow = {name for name, value in arrays.items() if value.dtype == np.float16}
    assert narrow == {"network.conv.weight"}
    np.testing.assert_allclose(arrays["network.conv.weight"], state["network.conv.weight"], rtol=1e-3)
    np.testing.assert_array_equal(arrays["network.norm.running_var"], state["network.norm.running_var"])


@pytest.mark.parametrize("folded", [False, True])
def test_a_network_in_half_precision(tmp_path, folded):
    network = fill(build_network(network_config("mobilenet_v3_small"), None)).eval()
    if folded:
        fold_encoder_norms_(network)
    x = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    state = {f"network.{name}": value for name, value in network_state(network).items()}
    save_npz(tmp_path / "w.npz", state, {"network": network.config}, half=True)
    header, arrays = load_npz(tmp_path / "w.npz")
    again = build_network(header["network"], None).eval()
    load_state(again, {name.removeprefix("network."): value for name, value in arrays.items()})
    with torch.no_grad():
        got, expected = again(x)["logits"], network(x)["logits"]
    assert (got - expected).norm() < 0.02 * expected.norm()


def test_an_object_array_is_not_written(path):
    with pytest.raises(TypeError, match="object array for 'a'"):
        save_npz(path, {"a": np.array([None])}, {})


def test_a_failed_save_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_npz(path, {}, {"what": object()})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["weights.npz"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_cut_short(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"weights\.npz: "):
        load_npz(path)


def test_any_flipped_byte_of_the_weights_is_found(path):
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("network.conv.weight.npy")
        start = member.header_offset + 30 + len(member.filename)
    content[start + member.file_size - 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.npz: .*damaged"):
        load_npz(path)


@pytest.mark.parametrize("what", ["value", "name", "shape", "dtype", "missing", "added"])
def test_altered_weights(path, what):
    def change(members):
        weight = members.pop("network.conv.weight")
        if what == "value":
            weight[0, 0, 0, 0] += 1e-6
        elif what == "shape":
            weight = weight.reshape(3, 2, 2, 2)
        elif what == "dtype":
            weight = weight.view(np.int32)
        if what != "missing":
            members["network.conv.wei" if what == "name" else "network.conv.weight"] = weight
        if what == "added":
            members["more"] = weight

    rewritten(path, change)
    with pytest.raises(ValueError, match=r"weights\.npz: the weights have been altered"):
        load_npz(path)


def test_a_newer_format(path):
    def change(members):
        newer = header_of(members) | {"format_version": 2, "skcolorize_version": "9.0"}
        members["header"] = np.array(json.dumps(newer))

    rewritten(path, change)
    with pytest.raises(ValueError, match=r"weights\.npz: .*format 2.*skcolorize 9\.0: upgrade"):
        load_npz(path)


def test_object_arrays_are_never_unpickled(path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    def change(members):
        members["network.conv.weight"] = np.array([Trap()], object)

    with np.load(path) as file:
        members = {name: file[name] for name in file.files}
    change(members)
    np.savez(path, **members)
    with pytest.raises(ValueError, match=r"weights\.npz: .*pickled objects"):
        load_npz(path)


def no_header(members):
    del members["header"]


def no_json(members):
    members["header"] = np.array("{")


def not_a_dict(members):
    members["header"] = np.array("[1]")


def no_checksum(members):
    members["header"] = np.array('{"format_version": 1}')


@pytest.mark.parametrize("change", [no_header, no_json, not_a_dict, no_checksum])
def test_a_foreign_npz(path, change):
    rewritten(path, change)
    with pytest.raises(ValueError, match=r"weights\.npz: this is no weights file of skcolorize"):
        load_npz(path)


def test_other_files(path):
    for content in (b"hello", b"\x89PNG\r\n", npy()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights\.npz: this is no weights file of skcolorize"):
            load_npz(path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_npz(path.with_name("nothing.npz"))


def npy():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def test_weights_of_another_network():
    network = build_network(CONFIG, 0)
    before = network_state(network)
    for other in (
        network_config("squeezenet1_0"),
        network_config("squeezenet1_1", loss="squared_error"),
        network_config("squeezenet1_1", widths=[160, 112, 81]),
    ):
        message = r"my\.npz: these are weights of another network \(.*(missing|shape)"
        with pytest.raises(ValueError, match=message):
            load_state(network, network_state(build_network(other, 1)), "my.npz")
    assert all((value == before[name]).all() for name, value in network_state(network).items())


def test_read_only_and_half_precision_arrays_are_copied():
    network = build_network(CONFIG, 0)
    state = {name: value.astype(np.float16) for name, value in network_state(network).items()}
    for value in state.values():
        value.flags.writeable = False
    load_state(network, state)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
