// The two JSON lines formats (CORPUS.md). A part of ReadCorpus.
#pragma once

#include <string_view>

#include "core/text/corpus_builder.h"

namespace fintag {

// Adds the sentences and the errors of `bytes` to `builder`. Stops early once the builder is full.
void ReadJsonLines(std::string_view bytes, CorpusBuilder& builder);

}  // namespace fintag
