// The CoNLL column format (CORPUS.md). A part of ReadCorpus.
#pragma once

#include "core/text/corpus_check.h"
#include "core/text/text_lines.h"

namespace fintag {

// Adds the sentences and the errors of `lines` to `check`. Stops early once the check is full.
void ReadConll(TextLines& lines, CorpusCheck& check);

}  // namespace fintag
