// What the processor that this runs on can do. All is false on those that are not x86-64.
#pragma once

namespace fintag {

bool IsAmd();
bool HasAvx2();  // and FMA
bool HasAvxVnni();
bool HasAvx512();      // F, BW, DQ and VL
bool HasAvx512Bf16();  // beside them
bool HasAvx512Vnni();
// AMX for bfloat16 and for 8 bits. The first call asks Linux for the tiles' registers, which a process has from then
// on.
bool HasTiles();

}  // namespace fintag
