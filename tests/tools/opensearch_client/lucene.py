"""One index as OpenSearch keeps it: it refuses what the real one refuses, keeps and scores features as Lucene does.

Written from OpenSearch's RankFeaturesFieldMapper and RankFeatureQueryBuilder and Lucene's FeatureField;
`test_lucene` compares it with the real FeatureField, score by score.
"""

import numpy as np

MIN_NORMAL = 1.17549435e-38
MAX_CLAUSES = 1024  # of a query: indices.query.bool.max_clause_count
TYPES = {
    "rank_features": set(),
    "text": {"index"},
    "keyword": {"index", "doc_values"},
}


class Refused(Exception):
    def __init__(self, status: int, kind: str, reason: str):
        super().__init__(reason)
        self.status, self.kind, self.reason = status, kind, reason

    def body(self) -> dict:
        error = {"type": self.kind, "reason": self.reason}
        return {"error": {"root_cause": [error], **error}, "status": self.status}


def need(is_right: bool, reason: str, kind: str = "illegal_argument_exception", status: int = 400) -> None:
    if not is_right:
        raise Refused(status, kind, reason)


def kept(weight: float) -> float:
    """What a feature of that weight counts: FeatureField stores `floatToIntBits >> 15` as a term frequency."""
    return float((np.float32(weight).view(np.uint32) >> 15 << 15).view(np.float32))


def is_float(number: object) -> bool:
    """Whether a JSON number is a finite float32."""
    return type(number) in (int, float) and abs(number) <= float(np.finfo(np.float32).max)


class Index:
    def __init__(self, body: dict):
        need(set(body) <= {"mappings", "settings"}, f"unknown keys {sorted(body)}", "parse_exception")
        self.mappings = body["mappings"]
        need(set(self.mappings) == {"_meta", "dynamic", "properties"}, "root mapping", "mapper_parsing_exception")
        for name, field in self.mappings["properties"].items():
            parameters = set(field) - {"type"}
            need(parameters <= TYPES[field["type"]], f"[{name}] {parameters}", "mapper_parsing_exception")
        self.sources: dict[str, dict] = {}
        self.features: dict[str, dict[str, float]] = {}

    def put(self, document_id: str, source: dict) -> None:
        need(0 < len(document_id.encode()) <= 512, "id is too long", "action_request_validation_exception")
        properties, features = self.mappings["properties"], {}
        for name, value in source.items():
            need(name in properties, f"[{name}] is not allowed", "strict_dynamic_mapping_exception")
            if properties[name]["type"] != "rank_features":
                need(isinstance(value, str), f"[{name}] is no string", "mapper_parsing_exception")
                continue
            need(isinstance(value, dict), "[rank_features] fields must be json objects", "mapper_parsing_exception")
            for feature, weight in value.items():
                need(bool(feature) and "." not in feature, f"feature name [{feature}]", "mapper_parsing_exception")
                need(is_float(weight), f"featureValue must be finite, got: {weight}")
                need(np.float32(weight) >= MIN_NORMAL, f"featureValue must be a positive normal float, got: {weight}")
                features[f"{name}.{feature}"] = kept(weight)
        for held in (self.sources, self.features):  # an updated document comes last: ties are in that order
            held.pop(document_id, None)
        self.sources[document_id], self.features[document_id] = source, features

    def search(self, body: dict) -> list[dict]:
        need(set(body) == {"size", "query", "_source", "track_total_hits"}, f"keys {sorted(body)}", "parsing_exception")
        need(type(body["size"]) is int and 0 < body["size"] <= 10_000, "Result window is too large")
        need(body["track_total_hits"] is False, "track_total_hits")
        need(
            list(body["query"]) == ["bool"] and list(body["query"]["bool"]) == ["should"], "query", "parsing_exception"
        )
        clauses = body["query"]["bool"]["should"]
        need(len(clauses) <= MAX_CLAUSES, f"maxClauseCount is set to {MAX_CLAUSES}", "too_many_clauses", 500)
        boosts: dict[str, float] = {}
        for clause in clauses:
            need(list(clause) == ["rank_feature"], f"clause {clause}", "parsing_exception")
            query = clause["rank_feature"]
            need(set(query) == {"field", "boost", "linear"} and query["linear"] == {}, f"{query}", "parsing_exception")
            field, boost = query["field"], query["boost"]
            need(field.count(".") == 1 and field not in boosts, f"field [{field}]")
            parent = self.mappings["properties"].get(field.split(".")[0], {})
            need(parent.get("type") == "rank_features", f"[rank_feature] query on [{field}]")
            need(is_float(boost) and boost > 0, f"boost {boost}")
            boosts[field] = float(np.float32(boost))
        hits = []
        for document_id, features in self.features.items():
            shared = boosts.keys() & features.keys() if clauses else {None}  # without clauses all documents match
            if shared:
                score = sum(float(np.float32(boosts[f] * features[f])) for f in shared if f)
                source = {key: value for key, value in self.sources[document_id].items() if key in body["_source"]}
                hits.append({"_index": "x", "_id": document_id, "_score": float(np.float32(score)), "_source": source})
        return sorted(hits, key=lambda hit: -hit["_score"])[: body["size"]]
