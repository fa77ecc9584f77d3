"""The opensearch/ folder: zips as ml-commons reads them, requests that a real server accepts."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from opensearchpy import OpenSearch
from opensearchpy.helpers import bulk
from tiny_export import COUNTING, WEIGHT_V, write_tiny_export
from tokenizers import Tokenizer

from kosplade.errors import UserError
from kosplade.export import opensearch
from kosplade.export.opensearch import DOCUMENT, FIELD, QUERY, RANKS, UNSERVED, write_opensearch
from kosplade.export.piece_names import DOTS, dot_sign, piece_names, server_tokenizer
from kosplade.export.seismic import ranks_of
from kosplade.retrieval.encoding import inference_free, without
from kosplade.retrieval.served import load_export
from kosplade.vocab.pieces import piece_strings, special_ids

OPTIONS = {
    "version": "v25",
    "licence": "Be kind.",
    "example": "w9 w5 w9 w7",
    "max_query_length": 6,
    "max_document_length": 8,
}
INDEX = f"export-{os.getpid()}"  # tests in other processes use the same server
SEEN = [5, 9]  # what of the example is served: w7 is not
LONG = " ".join(f"w{i}" for i in range(5, 30))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared") / "export"


@pytest.fixture
def export(shared, word_tokenizer):
    """One export for all tests: none of them changes it."""
    if not shared.exists():
        write_tiny_export(shared, word_tokenizer)
        write_opensearch(shared, **OPTIONS)
    return shared


@pytest.fixture
def client(opensearch):
    client = OpenSearch([opensearch], timeout=60)
    yield client
    client.indices.delete(index=INDEX, ignore=404)


def read(export, name: str):
    return json.loads((export / "opensearch" / name).read_text(encoding="utf-8"))


def unzipped(export, stem: str) -> dict[str, bytes]:
    with ZipFile(export / "opensearch" / f"{stem}.zip") as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_is_in_the_folder(export):
    there = {path.name for path in (export / "opensearch").iterdir()}
    named = re.findall(
        r"\b\w+\.(?:json|zip|md)\b", opensearch.__doc__.replace("idf.json", "").replace("tokenizer.json", "")
    )
    assert there == {*named, "queries", "example_document.json"}
    assert len(list((export / "opensearch/queries").iterdir())) == 6
    assert list(unzipped(export, DOCUMENT)) == ["document_model.pt", "tokenizer.json", "LICENSE"]
    assert list(unzipped(export, QUERY)) == ["idf.json", "tokenizer.json", "LICENSE"]
    assert list(unzipped(export, RANKS)) == ["rank_query_model.pt", "tokenizer.json", "LICENSE"]
    assert unzipped(export, QUERY)["LICENSE"] == unzipped(export, DOCUMENT)["LICENSE"] == b"Be kind."


@pytest.mark.parametrize(
    ("stem", "function"), [(DOCUMENT, "SPARSE_ENCODING"), (QUERY, "SPARSE_TOKENIZE"), (RANKS, "SPARSE_ENCODING")]
)
def test_a_config_names_its_zip(export, stem, function):
    config, data = read(export, f"{stem}.json"), (export / "opensearch" / f"{stem}.zip").read_bytes()
    assert config["function_name"] == function
    assert config["model_format"] == "TORCH_SCRIPT"
    assert config["model_content_size_in_bytes"] == len(data)
    assert config["model_content_hash_value"] == hashlib.sha256(data).hexdigest()
    assert set(config) >= {"name", "version", "description"}
    guide = (export / "opensearch" / "README.md").read_text(encoding="utf-8")
    assert all(str(config[key]) in guide for key in config if key not in ("description", "model_format", "version"))


@pytest.mark.parametrize(("stem", "length"), [(DOCUMENT, 8), (QUERY, 6), (RANKS, 6)])
def test_the_tokenizer_cuts_where_the_model_does(export, stem, length):
    tokenizer = Tokenizer.from_str(unzipped(export, stem)["tokenizer.json"].decode())
    model = load_export(export, max_query_length=6, max_document_length=8)
    side = "document" if stem == DOCUMENT else "query"
    assert tokenizer.encode(LONG).ids == model.pieces([LONG], side)[0]
    assert len(tokenizer.encode(LONG).ids) == length


def query_as_the_server(export, text: str) -> dict[str, float]:
    """SparseTokenizerModel: each distinct piece by its decoded name, weighed by idf.json, 1 where that has none."""
    files = unzipped(export, QUERY)
    tokenizer, idf = Tokenizer.from_str(files["tokenizer.json"].decode()), json.loads(files["idf.json"])
    names = [tokenizer.decode([id_], skip_special_tokens=True) for id_ in dict.fromkeys(tokenizer.encode(text).ids)]
    return {name: idf.get(name, 1.0) for name in names if name}


def test_a_query_of_the_server_is_ours(export):
    found = query_as_the_server(export, OPTIONS["example"])
    assert all(0 < weight <= 64 for weight in found.values())  # what neural_sparse accepts
    served = {name: weight for name, weight in found.items() if weight != UNSERVED}
    assert served == pytest.approx({f"w{i}": WEIGHT_V[i].item() for i in SEEN})
    assert found == pytest.approx(served | {"w7": UNSERVED})
    idf = json.loads(unzipped(export, QUERY)["idf.json"])
    assert [name for name, weight in idf.items() if weight == UNSERVED] == ["w7"]  # and of no special piece at all


def rank_table(export) -> dict[str, str]:
    """{id of a piece: its rank} as the server has it."""
    *_, script, _ = read(export, "ingest_pipeline_sparse_vector.json")["processors"]
    return script["script"]["params"]["ranks"]


def test_the_model_of_a_ranked_query_gives_what_the_client_sends(export, tmp_path):
    model = load_export(export, max_query_length=6, max_document_length=8)
    ranks, path = ranks_of(model), tmp_path / "model.pt"
    path.write_bytes(unzipped(export, RANKS)["rank_query_model.pt"])
    texts = ["w9 w5 w9 w7", "w7", "w39 w38"]
    given = model.tokenizer(texts, padding=True, return_tensors="pt")
    found_BR = torch.jit.load(path)({name: given[name] for name in ("input_ids", "attention_mask")})["output"]
    np.testing.assert_array_equal(found_BR.numpy(), ranks.to_ranks(model.inference_free(texts)).toarray())
    assert found_BR.count_nonzero(dim=1).tolist() == [2, 0, 2]
    assert rank_table(export) == {str(piece): str(rank) for rank, piece in enumerate(ranks.piece_R)}


def test_the_forms_of_the_query_agree(export):
    tokens = read(export, "queries/rank_features_tokens.json")["query"]["neural_sparse"][FIELD]["query_tokens"]
    assert tokens == pytest.approx({f"w{i}": WEIGHT_V[i].item() for i in SEEN})
    ids = read(export, "queries/sparse_vector_tokens.json")["query"]["neural_sparse"][FIELD]["query_tokens"]
    table = rank_table(export)
    assert ids == {table[name.removeprefix("w")]: weight for name, weight in tokens.items()}
    assert ids != {name.removeprefix("w"): weight for name, weight in tokens.items()}
    clauses = read(export, "queries/rank_features_without_plugin.json")["query"]["bool"]["should"]
    assert clauses == [
        {"rank_feature": {"field": f"{FIELD}.{name}", "boost": weight, "linear": {}}} for name, weight in tokens.items()
    ]
    for kind in ("rank_features", "sparse_vector"):
        query = read(export, f"queries/{kind}_text.json")["query"]["neural_sparse"][FIELD]
        model = "QUERY_MODEL_ID" if kind == "rank_features" else "RANK_QUERY_MODEL_ID"
        assert (query["query_text"], query["model_id"]) == (OPTIONS["example"], model)


def hold(client, body, sources):
    """A new index of these documents, each with its vector already."""
    client.indices.create(index=INDEX, body=body)
    actions = ({"_index": INDEX, "_id": str(i), "pipeline": "_none", "_source": one} for i, one in enumerate(sources))
    bulk(client, actions, refresh=True)


@pytest.mark.full
def test_an_index_of_the_server_scores_the_dot_product(export, client):
    """Documents as SparseEncodingTranslator names them, searched without the plugin."""
    model = load_export(export, max_query_length=6, max_document_length=8)
    names, texts = piece_names(model.tokenizer), [f"w{i} w{i + 1} w5" for i in range(5, 25)]
    documents_NV = without(model.raw(texts, "document", ""), model.unserved_V)
    weights = [dict(zip((names[id_] for id_ in one.indices), one.data.tolist(), strict=True)) for one in documents_NV]
    sources = ({"text": text, FIELD: row} for text, row in zip(texts, weights, strict=True))
    hold(client, read(export, "index_rank_features.json"), sources)
    query = read(export, "queries/rank_features_without_plugin.json")
    hits = client.search(index=INDEX, body=query, size=20, search_pipeline="_none")["hits"]["hits"]
    query_1V = inference_free(model.pieces([OPTIONS["example"]], "query"), model.query_weight_V)
    expected = (documents_NV @ query_1V.T).toarray().ravel()
    assert len(hits) == np.count_nonzero(expected) > 5
    for hit in hits:
        assert hit["_score"] == pytest.approx(expected[int(hit["_id"])], rel=2**-8)


def test_the_bodies_name_what_the_requests_make(export):
    exact, near = (read(export, f"index_{kind}.json") for kind in ("rank_features", "sparse_vector"))
    assert exact["settings"]["index"] == {
        "default_pipeline": "kosplade-v25-ingest",
        "search.default_pipeline": "kosplade-v25-search",
    }
    assert near["settings"]["index"] == {"default_pipeline": "kosplade-v25-ingest-ranks", "sparse": True}
    method = near["mappings"]["properties"][FIELD]["method"]
    assert method["name"] == "seismic"
    ceiling = method["parameters"]["quantization_ceiling_search"]
    largest = COUNTING.query_idf * WEIGHT_V.max()  # of an encoded query, but for what the encoder adds
    assert largest <= ceiling < largest + 1
    ingest = read(export, "ingest_pipeline.json")["processors"]
    assert [next(iter(one)) for one in ingest] == ["set", "sparse_encoding"]
    assert ingest[1]["sparse_encoding"]["field_map"] == {ingest[0]["set"]["field"]: FIELD}


def test_the_guide_is_bash_and_names_files_that_are_there(export):
    guide = (export / "opensearch" / "README.md").read_text(encoding="utf-8")
    script = "".join(re.findall(r"```bash\n(.*?)```", guide, re.DOTALL))
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    files = re.findall(r"(?<![\w$])[\w/]+\.json", script)
    assert files
    assert all((export / "opensearch" / name).is_file() for name in files)
    for placeholder in ("DOCUMENT_MODEL_ID", "QUERY_MODEL_ID", "RANK_QUERY_MODEL_ID"):
        assert placeholder in script
    for pipeline in ("_ingest/pipeline/kosplade-v25-ingest-ranks", "_search/pipeline/kosplade-v25-search"):
        assert pipeline in script


@pytest.mark.full
def test_equal_exports_give_equal_bytes(export, tmp_path):
    moved = shutil.copytree(export, tmp_path / "moved")
    shutil.rmtree(moved / "opensearch")
    write_opensearch(moved, **OPTIONS)
    for path in sorted((export / "opensearch").rglob("*.*")):
        assert path.read_bytes() == (moved / path.relative_to(export)).read_bytes(), path.name


def test_every_real_piece_has_a_name_that_the_server_gives_and_keeps(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    pieces, names = piece_strings(tokenizer), piece_names(tokenizer)
    sign = dot_sign(pieces)
    content = server_tokenizer(tmp_path, sign, 16, "")
    server = Tokenizer.from_str(json.dumps(content))
    assert [server.decode([id_], skip_special_tokens=True) for id_ in range(len(pieces))] == names
    special = set(special_ids(tokenizer))
    served = [name for id_, name in enumerate(names) if id_ not in special]
    assert len(set(served)) == len(served) == len(pieces) - len(special)
    assert all(served)
    assert not any("." in name for name in served)
    assert [name.replace(sign, ".") for name in served] == [p for i, p in enumerate(pieces) if i not in special]
    # Why the decoder is another: the tokenizer's own gives names that pieces share.
    own = [tokenizer.backend_tokenizer.decode([id_], skip_special_tokens=True) for id_ in range(len(pieces))]
    assert len(set(own)) < len(pieces) - 10_000
    text = "\n결제 금액은 3.5만원입니다. 환불은 언제 되나요? " * 3
    # Fields that older and newer readers of tokenizer.json need, side by side.
    [step] = [step for step in content["pre_tokenizer"]["pretokenizers"] if step["type"] == "Metaspace"]
    assert set(step) >= {"replacement", "add_prefix_space", "str_rep", "prepend_scheme", "split"}
    cut = tokenizer(text, truncation=True, max_length=16)["input_ids"]
    assert server.encode(text).ids == cut
    assert server.encode(text.strip()).ids == cut  # a document without a title begins with a line break


@pytest.mark.full
def test_a_server_keeps_and_finds_every_name(tokenizer, client):
    names = [name for name in piece_names(tokenizer) if name]
    body = {"mappings": {"properties": {FIELD: {"type": "rank_features"}}}}
    hold(client, body, ({FIELD: dict.fromkeys(names[i : i + 1000], 1.0)} for i in range(0, len(names), 1000)))
    for start in range(0, len(names), 1000):
        shown = names[start : start + 1000]
        clauses = [{"rank_feature": {"field": f"{FIELD}.{name}", "linear": {}}} for name in shown]
        [hit] = client.search(index=INDEX, body={"query": {"bool": {"should": clauses}}})["hits"]["hits"]
        assert (hit["_id"], hit["_score"]) == (str(start // 1000), len(shown))


def test_the_sign_of_a_dot_is_in_no_piece():
    assert dot_sign(["a.b", "c"]) == DOTS[0]
    assert dot_sign(["a․b", "\ue000"]) == "\ue001"
    with pytest.raises(UserError, match="no sign is left"):
        dot_sign(DOTS)


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"no config.json\). Run: make convert-v25-hf"),
        (lambda folder: os.truncate(folder / "model.safetensors", 900), "the model cannot be loaded .* Run: make"),
        (
            lambda folder: edit(folder / "tokenizer.json", lambda content: content["model"]["vocab"].pop("w39")),
            "40 pieces, the tokenizer 39",
        ),
        (lambda folder: edit(folder / "idf.json", lambda idf: idf.update(w9=64.5)), "idf.json: a weight above 64"),
        (lambda folder: edit(folder / "idf.json", lambda idf: idf.update(w5=0, w9=0)), "example query 'w9 w5 w9 w7'"),
    ],
    ids=["no export", "cut off", "another tokenizer", "weight refused", "nothing served"],
)
def test_a_folder_that_cannot_be_served_is_one_line_and_leaves_nothing(
    tmp_path, word_tokenizer, monkeypatch, damage, match
):
    for name in ("write_torchscript", "write_rank_query"):
        monkeypatch.setattr(opensearch, name, lambda *given: given[-1].write_bytes(b"pt"))
    write_tiny_export(tmp_path / "export", word_tokenizer)
    damage(tmp_path / "export")
    before = sorted((tmp_path / "export").iterdir())
    with pytest.raises(UserError, match=match) as caught:
        write_opensearch(tmp_path / "export", **OPTIONS)
    assert "\n" not in str(caught.value)
    assert sorted((tmp_path / "export").iterdir()) == before
