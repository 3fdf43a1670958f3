; Installer for Windows, by Inno Setup 6.3 or newer. UNVERIFIED: it was never run on Windows.
; On Windows, in the project's folder, with Python 3.11 or newer:
;   py -3.11 -m venv .venv
;   .venv\Scripts\pip install --constraint packaging\constraints.txt ".[package]"
;   .venv\Scripts\python packaging\build.py
; build.py makes dist\espalier, tests it, and runs ISCC with the version where it finds it.

#ifndef Version
  #error Give the version: ISCC /DVersion=1.2.3 packaging\windows\espalier.iss
#endif

[Setup]
AppId={{7C7C2E63-6B0C-4D3C-9B0E-2B6B0B9E6A51}
AppName=Espalier
AppVersion={#Version}
AppPublisher=The Espalier project
DefaultDirName={autopf}\Espalier
DefaultGroupName=Espalier
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
LicenseFile=..\..\LICENSE
SetupIconFile=..\..\build\icons\espalier.ico
UninstallDisplayIcon={app}\espalier-window.exe
OutputDir=..\..\dist
OutputBaseFilename=espalier-{#Version}-windows-x64
Compression=lzma2/fast
SolidCompression=yes
WizardStyle=modern
ChangesEnvironment=yes

[Tasks]
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; Flags: unchecked
Name: "path"; Description: "Use the command espalier in terminals (adds it to PATH)"; Flags: unchecked

[Files]
Source: "..\..\dist\espalier\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{group}\Espalier"; Filename: "{app}\espalier-window.exe"
Name: "{autodesktop}\Espalier"; Filename: "{app}\espalier-window.exe"; Tasks: desktopicon

[Registry]
; A project is a folder: the entry is in the menu of folders, since Windows knows no endings there.
Root: HKA; Subkey: "Software\Classes\Directory\shell\Espalier"; ValueType: string; ValueData: "Open in Espalier"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Directory\shell\Espalier"; ValueType: string; ValueName: "AppliesTo"; ValueData: "System.FileName:""*.espalier"""
Root: HKA; Subkey: "Software\Classes\Directory\shell\Espalier"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\espalier-window.exe"
Root: HKA; Subkey: "Software\Classes\Directory\shell\Espalier\command"; ValueType: string; ValueData: """{app}\espalier-window.exe"" ""%1"""
Root: HKCU; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{olddata};{app}"; Tasks: path; Check: NotOnPath('{app}')

[Run]
Filename: "{app}\espalier-window.exe"; Description: "{cm:LaunchProgram,Espalier}"; Flags: nowait postinstall skipifsilent

[Code]
function NotOnPath(Folder: string): boolean;
var
  Known: string;
begin
  if not RegQueryStringValue(HKEY_CURRENT_USER, 'Environment', 'Path', Known) then
    Known := '';
  Result := Pos(';' + Uppercase(ExpandConstant(Folder)) + ';', ';' + Uppercase(Known) + ';') = 0;
end;
