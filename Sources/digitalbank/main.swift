import Commands

await DigitalBank.main()
