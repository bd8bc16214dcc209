# assay_wasm(assay-verify SOURCES a.c b.c HEADERS DIR EXPORTS f g DEPENDS x): NAME.wasm at the top of the build folder, by
# clang and wasm-ld, whatever compiler the rest is built with. It imports nothing, and a stack that overflows traps: it
# lies below the data. HEADERS holds the few C library headers that the sources include; DEPENDS what is rebuilt when one
# of ours changes.
#
# ASSAY_WASM_FOUND says whether both tools are here. ./check installs them; a build without them leaves this out, and
# says so.
set(ASSAY_WASM_STACK_BYTES 262144)
find_program(ASSAY_WASM_CLANG clang)
find_program(ASSAY_WASM_LINKER wasm-ld)
set(ASSAY_WASM_FOUND FALSE)
if(ASSAY_WASM_CLANG AND ASSAY_WASM_LINKER)
  set(ASSAY_WASM_FOUND TRUE)
elseif(NOT ASSAY_WASM_SAID)
  message(STATUS "no clang or no wasm-ld: the WebAssembly judge is left out")
  set(ASSAY_WASM_SAID TRUE CACHE INTERNAL "")
endif()

function(assay_wasm name)
  cmake_parse_arguments(WASM "" "HEADERS" "SOURCES;EXPORTS;DEPENDS" ${ARGN})
  set(exports ${WASM_EXPORTS})
  list(TRANSFORM exports PREPEND -Wl,--export=)
  set(file ${CMAKE_BINARY_DIR}/${name}.wasm)
  add_custom_command(OUTPUT ${file}
    COMMAND ${ASSAY_WASM_CLANG} --target=wasm32 -std=c17 -O2 -ffreestanding -nostdlibinc -isystem ${WASM_HEADERS}
            -I${CMAKE_SOURCE_DIR}/src -Wall -Wextra -Werror -nostdlib -Wl,--no-entry ${exports}
            -Wl,--stack-first -Wl,-z,stack-size=${ASSAY_WASM_STACK_BYTES} -Wl,--strip-all -o ${file} ${WASM_SOURCES}
    DEPENDS ${WASM_SOURCES} ${WASM_DEPENDS} VERBATIM)
  add_custom_target(wasm_${name} ALL DEPENDS ${file})
endfunction()
