"""The same export with the IDF of other texts, read by our loader and by sentence-transformers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import SparseEncoder as LoadedEncoder
from tiny_export import COUNTING, WEIGHT_V, write_tiny_export

from kosplade.errors import UserError
from kosplade.export.sentence_transformers import write_sentence_transformers
from kosplade.retrieval.served import load_export
from kosplade.tools.variants.__main__ import main

LENGTHS = {"max_query_length": 8, "max_document_length": 12}
TEXTS = ("w5 w6 w6", "w6 w7", "w6 w5", "w6")


@pytest.fixture
def folders(word_tokenizer, tmp_path):
    """(export, what is recounted of it)."""
    write_tiny_export(tmp_path / "whole", word_tokenizer)
    write_sentence_transformers(
        tmp_path / "whole", WEIGHT_V, word_tokenizer, max_query_length=8, max_document_length=12
    )
    lines = [json.dumps({"_id": str(i), "title": "", "text": text}) for i, text in enumerate(TEXTS)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    main([*map(str, (tmp_path / "whole", tmp_path / "new")), "--kind", "recounted", f"--texts={tmp_path}/corpus.jsonl"])
    return tmp_path / "whole", tmp_path / "new"


def test_queries_weigh_by_the_new_idf_and_documents_as_before_but_for_their_floors(folders):
    old, new = (load_export(folder, **LENGTHS) for folder in folders)
    # 4 documents; w5 in 2 of them, w6 in all, w7 in one, w8 in none: ln(1 + (N - df + .5) / (df + .5)).
    expected = [np.log1p((4 - df + 0.5) / (df + 0.5)) for df in (2, 4, 1, 0)]
    served = ~old.unserved_V[5:9]
    assert new.query_weight_V[5:9][served] == pytest.approx(np.array(expected)[served])
    assert served.any()
    assert (new.unserved_V == old.unserved_V).all()
    plain = (replace(model, counting=replace(COUNTING, floor_per_idf=0.0)) for model in (old, new))
    one, other = (model.raw(list(TEXTS), "document", "").toarray() for model in plain)
    assert (one == other).all()


def test_sentence_transformers_weighs_queries_the_same(folders):
    _, new = folders
    ours = load_export(new, **LENGTHS).queries(["w5 w7 w9"], "")["inference_free"].toarray()
    theirs = LoadedEncoder(str(new / "inference-free")).encode_query(["w5 w7 w9"], convert_to_sparse_tensor=False)
    assert theirs.numpy() == pytest.approx(ours)


def test_texts_are_needed(folders, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    empty = f"--texts={tmp_path}/empty.jsonl"
    for more, said in ((), "Name some: --texts"), ([empty], "empty.jsonl: no documents. Put"):
        with pytest.raises(UserError, match=said):
            main([str(folders[0]), str(tmp_path / "none"), "--kind", "recounted", *more])
    assert not (tmp_path / "none").exists()
