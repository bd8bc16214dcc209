# cmake --install build/release [--prefix DIR]: the program, its manual page, the library that judges disputes, and a
# systemd unit for each role. The units name the program where it lands, so they are written when it does.
include(GNUInstallDirs)
install(TARGETS assay RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS assay-verify ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_SOURCE_DIR}/src/dispute/judge/assay_verify.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/man/assay.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_SOURCE_DIR}/setup/systemd/assay.sysusers DESTINATION lib/sysusers.d RENAME assay.conf)
install(FILES ${CMAKE_SOURCE_DIR}/setup/systemd/assay.tmpfiles DESTINATION lib/tmpfiles.d RENAME assay.conf)
install(CODE "set(source \"${CMAKE_SOURCE_DIR}\")\nset(bin \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")")
install(SCRIPT ${CMAKE_SOURCE_DIR}/setup/systemd/units.cmake)
