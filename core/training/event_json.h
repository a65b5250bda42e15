// The text form of one event (EVENT_LOG.md): EncodeEvent and DecodeEvent of event_log.h live behind this.
#pragma once

#include "core/training/event_log.h"

namespace fintag {

// CRC-32 as zlib and gzip have it (polynomial 0xEDB88320, reflected).
uint32_t Crc32(std::string_view bytes);

}  // namespace fintag
