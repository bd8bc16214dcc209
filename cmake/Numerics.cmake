# Flags that every object needs so that the compiler rounds where the source says and nowhere else (NUMERICS, clause on flags).
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1") # no -DNDEBUG: a broken invariant stops the program, in release too
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")

add_compile_options(-Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla
                    -ffp-contract=off -fno-fast-math -fno-math-errno -fno-trapping-math)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fexcess-precision=standard) # clang 14 refuses it and has no excess precision on our machines
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_FLAGS MATCHES "-fsanitize=")
  # gcc 12 loses the bounds of short loops when it instruments them, and warns of writes that cannot happen; the plain
  # builds, gcc and clang, stay strict.
  add_compile_options(-Wno-error=stringop-overflow)
endif()
add_compile_definitions(_POSIX_C_SOURCE=200809L)
