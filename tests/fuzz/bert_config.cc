// ParseBertConfig; what it takes is written and read again.
#include "core/model/bert_config.h"

#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = fintag::ParseBertConfig(fintag::fuzz::Text(data, size));
  FUZZ_PROMISE(config.ok() || absl::IsInvalidArgument(config.status()));
  if (!config.ok()) return 0;
  FUZZ_PROMISE(config->layers >= 1 && config->heads >= 1 && config->hidden_size % config->heads == 0);
  FUZZ_PROMISE(config->padding_id >= 0 && config->padding_id < config->vocabulary_size);
  const std::string json = fintag::BertConfigJson(*config);
  const auto again = fintag::ParseBertConfig(json);
  FUZZ_PROMISE(again.ok());
  FUZZ_PROMISE(fintag::BertConfigJson(*again) == json);
  return 0;
}
