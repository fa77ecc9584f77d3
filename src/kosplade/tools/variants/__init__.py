"""Other forms of an exported folder: `python -m kosplade.tools.variants MODEL OUTPUT --kind ...`.

    pruned    fewer pieces (see pruned.py); a plain export again, so it can become onnx or int8 in turn
    onnx      model.onnx for onnxruntime, float32, the same vectors
    int8      model.onnx in 8 bits
    recounted the same model with the IDF of another collection, counted anew in seconds; a plain export again. By the
              IDF of its training text "조" (article) stands in 13 % of the documents, in laws in 74 %

`variant.json` in OUTPUT says what it is; `pieces` are the ids that its pieces have in MODEL's vocabulary, null for all.
Outside kosplade.export, on which the stage convert depends as a whole: a change here reruns nothing.
"""
