"""The names that Wan's own files, and DreamZero's, have for the tensors of transformer, text and image encoder.

Ours are those of diffusers and transformers. Facts only; that each pair does the same is held by outputs of the
published classes (`tests/golden`), since most of the tensors of a block have the same shape.

Source:
    Wan-Video/Wan2.1 (wan/modules/model.py, t5.py, clip.py) at 9737cba, Wan-Video/Wan2.2 (wan/modules/model.py) at
    42bf4cf, dreamzero0/dreamzero (groot/vla/model/dreamzero/modules) at ab790c1.
"""

from collections.abc import Iterable

from adapt.models.formats.places import Place, by_table

TRANSFORMER = {
    "patch_embedding": "patch_embedding",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
    "condition_embedder.image_embedder.pos_embed": "img_emb.emb_pos",
    "scale_shift_table": "head.modulation",
    "proj_out": "head.head",
    "blocks.#.scale_shift_table": "blocks.#.modulation",
    # The affine normalisation, of the text attention's input, is the third there and the second here.
    "blocks.#.norm2": "blocks.#.norm3",
    "blocks.#.ffn.net.0.proj": "blocks.#.ffn.0",
    "blocks.#.ffn.net.2": "blocks.#.ffn.2",
    "blocks.#.attn2.add_k_proj": "blocks.#.cross_attn.k_img",
    "blocks.#.attn2.add_v_proj": "blocks.#.cross_attn.v_img",
    "blocks.#.attn2.norm_added_k": "blocks.#.cross_attn.norm_k_img",
} | {
    f"blocks.#.{ours}.{layer}": f"blocks.#.{theirs}.{there}"
    for ours, theirs in (("attn1", "self_attn"), ("attn2", "cross_attn"))
    for layer, there in (
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "o"),
        ("norm_q", "norm_q"),
        ("norm_k", "norm_k"),
    )
}
TEXT_ENCODER = {
    "shared": "token_embedding",
    "encoder.final_layer_norm": "norm",
    "encoder.block.#.layer.0.layer_norm": "blocks.#.norm1",
    "encoder.block.#.layer.1.layer_norm": "blocks.#.norm2",
    "encoder.block.#.layer.0.SelfAttention.relative_attention_bias": "blocks.#.pos_embedding.embedding",
    "encoder.block.#.layer.1.DenseReluDense.wi_0": "blocks.#.ffn.gate.0",
    "encoder.block.#.layer.1.DenseReluDense.wi_1": "blocks.#.ffn.fc1",
    "encoder.block.#.layer.1.DenseReluDense.wo": "blocks.#.ffn.fc2",
} | {f"encoder.block.#.layer.0.SelfAttention.{layer}": f"blocks.#.attn.{layer}" for layer in "qkvo"}
_IMAGE_ENCODER = {
    "vision.embeddings.patch_embedding": "visual.patch_embedding",
    "vision.pre_layrnorm": "visual.pre_norm",
    "vision.post_layernorm": "visual.post_norm",
    "projection": "visual.head",
    "log_scale": "log_scale",
    "vision.encoder.layers.#.layer_norm1": "visual.transformer.#.norm1",
    "vision.encoder.layers.#.layer_norm2": "visual.transformer.#.norm2",
    "vision.encoder.layers.#.self_attn.out_proj": "visual.transformer.#.attn.proj",
    "vision.encoder.layers.#.mlp.fc1": "visual.transformer.#.mlp.0",
    "vision.encoder.layers.#.mlp.fc2": "visual.transformer.#.mlp.2",
}
_CLASS, _POSITIONS = "vision.embeddings.class_embedding", "vision.embeddings.position_embedding.weight"
# The second name that transformers has for the table of tokens.
TIED = {"encoder.embed_tokens.weight": "shared.weight"}


def transformer_places(names: Iterable[str]) -> tuple[Place, ...]:
    """Where the transformer's parameters lie in Wan's files."""
    return by_table(names, TRANSFORMER, what="transformer")


def text_places(names: Iterable[str]) -> tuple[Place, ...]:
    """Where the UMT5 encoder's parameters lie in Wan's files."""
    return by_table((name for name in names if name not in TIED), TEXT_ENCODER, what="text encoder")


def image_places(names: Iterable[str]) -> tuple[Place, ...]:
    """Where the CLIP image encoder's parameters lie in Wan's files, which keep queries, keys and values together."""
    single, apart = [], {}
    places: list[Place] = []
    for name in names:
        layer, projection, leaf = name.partition(".self_attn.q_proj")
        if projection:
            stored = f"{layer.replace('vision.encoder.layers', 'visual.transformer')}.attn.to_qkv{leaf}"
            apart[stored] = tuple(f"{layer}.self_attn.{which}_proj{leaf}" for which in "qkv")
        elif name == _CLASS:
            places.append(Place(stored="visual.cls_embedding", ours=(name,), ones=2))
        elif name == _POSITIONS:
            places.append(Place(stored="visual.pos_embedding", ours=(name,), ones=1))
        elif ".self_attn.k_proj" not in name and ".self_attn.v_proj" not in name:
            single.append(name)
    places += [Place(stored=stored, ours=ours) for stored, ours in apart.items()]
    return (*places, *by_table(single, _IMAGE_ENCODER, what="image encoder"))
