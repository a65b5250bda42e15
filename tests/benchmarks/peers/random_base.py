#!/usr/bin/env python3
"""Writes a base encoder of BERT-base's sizes with random weights, for speed alone; its vocabulary is the tokenizer's."""

import argparse

import torch
from transformers import AutoTokenizer, BertConfig, BertModel


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--output", required=True)
    a = parser.parse_args()
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(a.tokenizer)
    BertModel(BertConfig(vocab_size=len(tokenizer)), add_pooling_layer=False).save_pretrained(a.output)
    tokenizer.save_pretrained(a.output)


if __name__ == "__main__":
    main()
